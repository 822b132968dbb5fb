// The storage account: documents, results, the app's records, the queues, the host's own containers, the package.
param name string
param location string
param tags object
param containers array
param queues array

@description('Blob prefix, container included, of the results of pieces that wait for their siblings.')
param piecesPrefix string

@description('Days after which such a result is surely left over: longer than GIVE_UP_HOURS.')
param keepPiecesDays int

@description('Blob prefix of the events that Event Grid could not deliver.')
param deadLetterPrefix string

@description('true: only private endpoints, trusted Azure services and allowedIpRanges reach the account.')
param private bool
param allowedIpRanges array

resource account 'Microsoft.Storage/storageAccounts@2023-05-01' = {
  // checkov:skip=CKV_AZURE_35:defaultAction is Deny with private networking; without it people drop documents from anywhere, with their own identity
  // checkov:skip=CKV_AZURE_59:the address stays reachable for trusted Azure services and allowedIpRanges; anonymous access and keys are off
  // checkov:skip=CKV_AZURE_206:records and queue must agree, and a copy in another region lags behind; a copy of the documents is the sender's to keep
  name: name
  location: location
  tags: tags
  kind: 'StorageV2'
  sku: { name: 'Standard_LRS' }
  properties: {
    accessTier: 'Hot'
    allowBlobPublicAccess: false
    allowCrossTenantReplication: false
    allowSharedKeyAccess: false
    defaultToOAuthAuthentication: true
    minimumTlsVersion: 'TLS1_2'
    supportsHttpsTrafficOnly: true
    publicNetworkAccess: 'Enabled'
    networkAcls: {
      // Event Grid dead-letters and the Language resource reads training documents as trusted Azure services.
      bypass: 'AzureServices'
      defaultAction: private ? 'Deny' : 'Allow'
      ipRules: [for address in allowedIpRanges: { value: address, action: 'Allow' }]
    }
  }
}

// No soft delete and no versions: the app changes its records many times per document, and each old copy would be
// kept and paid for. Documents themselves are never changed by the app.
resource blobs 'Microsoft.Storage/storageAccounts/blobServices@2023-05-01' = {
  parent: account
  name: 'default'
}

resource container 'Microsoft.Storage/storageAccounts/blobServices/containers@2023-05-01' = [for containerName in containers: {
  parent: blobs
  name: containerName
  properties: { publicAccess: 'None' }
}]

resource queueService 'Microsoft.Storage/storageAccounts/queueServices@2023-05-01' = {
  parent: account
  name: 'default'
}

resource queue 'Microsoft.Storage/storageAccounts/queueServices/queues@2023-05-01' = [for queueName in queues: {
  parent: queueService
  name: queueName
}]

// Only what nobody reads any more. Document records stay: they say what was done with a document, and a missing
// record would let `reconcile` submit (and pay for) it again. Job records are deleted by the app itself.
resource lifecycle 'Microsoft.Storage/storageAccounts/managementPolicies@2023-05-01' = {
  parent: account
  name: 'default'
  properties: {
    policy: {
      rules: [
        {
          name: 'delete-left-over-pieces'
          type: 'Lifecycle'
          enabled: true
          definition: {
            filters: { blobTypes: ['blockBlob'], prefixMatch: [piecesPrefix] }
            actions: { baseBlob: { delete: { daysAfterModificationGreaterThan: keepPiecesDays } } }
          }
        }
        {
          // Left by the scanning source of the blob trigger (other plans). The scan looks only at blobs newer than
          // its watermark, so a receipt of half a year ago is never asked for again.
          name: 'delete-old-trigger-receipts'
          type: 'Lifecycle'
          enabled: true
          definition: {
            filters: { blobTypes: ['blockBlob'], prefixMatch: ['azure-webjobs-hosts/blobreceipts/'] }
            actions: { baseBlob: { delete: { daysAfterModificationGreaterThan: 180 } } }
          }
        }
        {
          name: 'delete-old-dead-letters'
          type: 'Lifecycle'
          enabled: true
          definition: {
            filters: { blobTypes: ['blockBlob'], prefixMatch: [deadLetterPrefix] }
            actions: { baseBlob: { delete: { daysAfterModificationGreaterThan: 90 } } }
          }
        }
      ]
    }
  }
}

output id string = account.id
output name string = account.name
output blobServiceUri string = account.properties.primaryEndpoints.blob
output queueServiceUri string = account.properties.primaryEndpoints.queue
