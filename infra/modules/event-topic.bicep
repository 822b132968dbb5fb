// The Event Grid topic of the storage account. Its subscription comes after the deployment of the code, because
// Event Grid first asks the webhook whether it wants the events: event-subscription.bicep, run by hooks/postdeploy.
param name string
param location string
param tags object
param storageAccountId string

resource topic 'Microsoft.EventGrid/systemTopics@2022-06-15' = {
  name: name
  location: location
  tags: tags
  // Writes dead letters, where the storage account accepts no keys.
  identity: { type: 'SystemAssigned' }
  properties: {
    source: storageAccountId
    topicType: 'Microsoft.Storage.StorageAccounts'
  }
}

output id string = topic.id
output name string = topic.name
output principalId string = topic.identity.principalId
