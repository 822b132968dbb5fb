// A storage account with its containers and queues: one for documents, results and records, one for the host.
param name string
param location string
param tags object
param containers array
param queues array

@description('What is deleted by age: name of the rule, prefix (container included), days since the last change.')
param deletions array

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

resource lifecycle 'Microsoft.Storage/storageAccounts/managementPolicies@2023-05-01' = {
  parent: account
  name: 'default'
  properties: {
    policy: {
      rules: [for deletion in deletions: {
        name: deletion.name
        type: 'Lifecycle'
        enabled: true
        definition: {
          filters: { blobTypes: ['blockBlob', 'appendBlob'], prefixMatch: [deletion.prefix] }
          actions: { baseBlob: { delete: { daysAfterModificationGreaterThan: deletion.days } } }
        }
      }]
    }
  }
}

output id string = account.id
output name string = account.name
output blobServiceUri string = account.properties.primaryEndpoints.blob
output queueServiceUri string = account.properties.primaryEndpoints.queue
