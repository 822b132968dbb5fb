// The Azure AI Language resource: the app's model is trained and deployed here.
param name string
param location string
param tags object

@description('Where the training documents of custom projects lie. Custom entity recognition needs a storage account tied to the resource.')
param storageAccountId string

@description('true only if the app is given LANGUAGE_KEY.')
param acceptKeys bool

@description('true: reached through a private endpoint only.')
param private bool

resource account 'Microsoft.CognitiveServices/accounts@2024-10-01' = {
  // checkov:skip=CKV_AZURE_236:local authentication is off unless the deployer gives the app a key; the policy cannot evaluate the condition
  // checkov:skip=CKV_AZURE_134:public access is off with private networking; without it there is no network to reach the resource from
  name: name
  location: location
  tags: tags
  kind: 'TextAnalytics'
  // The free tier F0 allows one resource per subscription and 5,000 text records a month; S is billed per record.
  sku: { name: 'S' }
  identity: { type: 'SystemAssigned' }
  properties: {
    // Tokens of Microsoft Entra ID are accepted only at an address of the resource's own.
    customSubDomainName: name
    disableLocalAuth: !acceptKeys
    publicNetworkAccess: private ? 'Disabled' : 'Enabled'
    networkAcls: { defaultAction: private ? 'Deny' : 'Allow' }
    userOwnedStorage: [{ resourceId: storageAccountId }]
  }
}

output id string = account.id
output name string = account.name
output endpoint string = account.properties.endpoint
output principalId string = account.identity.principalId
